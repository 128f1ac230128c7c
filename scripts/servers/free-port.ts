import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A TCP port on 127.0.0.1 that nobody listens on and that nobody else is given while this process lives, below the
 * range from which the kernel takes the local ports of outgoing connections: a server that is stopped and started
 * again finds its port still free, and a client that reconnects meanwhile cannot connect to itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(15_000, 22_000);
    if ((await claim(port)) && (await canListen(port))) return port;
  }
  throw new Error('no free TCP port found between 15000 and 22000');
}

/**
 * Binds the UDP port of the same number, which nothing here uses, and keeps it. Test processes run side by side, and
 * between the choice of a port and the server that listens on it lies the start of a process: only something that the
 * kernel holds for one of them, and gives back whatever way it ends, tells the others that the port is taken.
 */
async function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

async function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
