// What ours is compared with: Socket.IO as it comes, with nothing on it.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { listen } from './listen.ts';

const http = createServer();
void new Server(http);
listen(http);
