/** One way to read a cached value. A new one is a file in `contenders/` and a line in `contenders.ts`. */
export interface Contender {
  readonly name: string;
  /** The name of the one whose time is subtracted from this one's; none for that one itself. */
  readonly baseline?: string;
  /** `port` is that of a Redis on this machine. */
  open(port: number): Promise<OpenContender>;
}

export interface OpenContender {
  /** Stores the value that hits of this contender find, in its own format. */
  store(key: string, value: unknown): Promise<void>;
  /** Reads a value that is there. @throws Error when it is not */
  hit(key: string): Promise<unknown>;
  close(): Promise<void>;
}
