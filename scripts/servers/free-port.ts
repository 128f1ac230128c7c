import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const handedOut = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that nobody listens on, below the range from which the kernel takes the local ports
 * of outgoing connections: a server that is stopped and started again finds its port still free, and a client
 * that reconnects meanwhile cannot connect to itself. The same holds 10,000 above it, where nodes of a Redis cluster
 * talk to each other.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(15_000, 22_000);
    if (handedOut.has(port)) continue;
    // Taken before the await, so that concurrent callers never test the same port.
    handedOut.add(port);
    if (await canListen(port)) return port;
  }
  throw new Error('no free TCP port found between 15000 and 22000');
}

async function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
