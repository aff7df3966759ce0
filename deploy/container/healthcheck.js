// Asked by HEALTHCHECK: whether the server of this container is alive. Exit status 0 or 1.
import { get } from 'node:http';

const { HOST, PORT } = process.env;
const ALL = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const host = ALL[HOST] ?? (HOST || '127.0.0.1');
const signal = AbortSignal.timeout(4000);
// localhost is answered to whatever ALLOWED_HOSTS says
const headers = { host: 'localhost' };

get({ host, port: PORT || 8090, path: '/livez', headers, signal }, (res) => {
  res.resume();
  process.exitCode = res.statusCode === 200 ? 0 : 1;
}).on('error', () => {
  process.exitCode = 1;
});
