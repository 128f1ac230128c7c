/** Sends one command when its turn has come; rejects with an UnstaleError or, before it is sent, the abort's reason. */
export type Send = <T>(command: () => Promise<T>) => Promise<T>;
