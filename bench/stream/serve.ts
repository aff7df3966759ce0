import type { Server } from 'node:http';

/** Listens on a port the system chooses, and tells the process that forked this one where. */
export function serve(http: Server): void {
  http.listen(0, '127.0.0.1', () => {
    const address = http.address();
    if (typeof address === 'object' && address) process.send?.(`http://127.0.0.1:${address.port}`);
  });
  process.on('disconnect', () => process.exit(0));
}
