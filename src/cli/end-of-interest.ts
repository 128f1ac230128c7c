/** Aborts on Ctrl-C, SIGTERM, or when nobody reads the output any more. */
export function endOfInterest(): AbortSignal {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  process.stdout.on('error', end);
  return ending.signal;
}
