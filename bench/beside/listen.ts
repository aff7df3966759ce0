// How a server that ours is compared with says where it listens: as ours does.
import type { Server } from 'node:http';

export function listen(http: Server): void {
  http.listen(0, '127.0.0.1', () => {
    const address = http.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
  });
}
