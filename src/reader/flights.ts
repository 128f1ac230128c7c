/** One read of one key, which all that ask for the key meanwhile share. */
export interface Flight<V> {
  readonly key: string;
  readonly promise: Promise<V | undefined>;
  /** The key was invalidated since it began: nobody may join it, and what it found is not remembered. */
  readonly isDropped: boolean;
  /** Ends it. */
  resolve(value: V | undefined): void;
  reject(error: unknown): void;
  /** Ends it as the promise ends. */
  follow(promise: Promise<V | undefined>): void;
}

/** The reads of this process that are on their way. */
export interface Flights {
  readonly size: number;
  /** One to join, if there is one. */
  get(key: string): Flight<unknown> | undefined;
  /** One that others join unless `shared` is false; the key has none yet. */
  begin<V>(key: string, shared: boolean): Flight<V>;
  /** Whoever asks from now on does not join what is on its way. */
  drop(key: string): void;
  dropAll(): void;
}

class KeyFlight<V> implements Flight<V> {
  readonly key: string;
  readonly promise: Promise<V | undefined>;
  isDropped = false;
  readonly #flights: Map<string, Flight<unknown>>;
  // Set in the constructor, by the promise.
  #settle!: (value: V | undefined) => void;
  #fail!: (error: unknown) => void;

  constructor(key: string, flights: Map<string, Flight<unknown>>) {
    this.key = key;
    this.#flights = flights;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
  }

  resolve(value: V | undefined): void {
    this.#leave();
    this.#settle(value);
  }

  reject(error: unknown): void {
    this.#leave();
    this.#fail(error);
  }

  follow(promise: Promise<V | undefined>): void {
    promise.then(
      (value) => this.resolve(value),
      (error: unknown) => this.reject(error),
    );
  }

  #leave(): void {
    if (this.#flights.get(this.key) === this) this.#flights.delete(this.key);
  }
}

export function createFlights(): Flights {
  const flights = new Map<string, KeyFlight<unknown>>();

  const drop = (key: string): void => {
    const flight = flights.get(key);
    if (flight === undefined) return;
    flight.isDropped = true;
    flights.delete(key);
  };

  return {
    get size() {
      return flights.size;
    },
    get: (key) => flights.get(key),
    begin<V>(key: string, shared: boolean) {
      const flight = new KeyFlight<V>(key, flights);
      if (shared) flights.set(key, flight as KeyFlight<unknown>);
      return flight;
    },
    drop,
    dropAll() {
      for (const key of flights.keys()) drop(key);
    },
  };
}
