import { transportConformance } from '../conformance/transport.ts';
import { restDriver, sdkDriver, socketDriver } from '../support/drivers.ts';

transportConformance('Socket.IO', socketDriver);
transportConformance('REST', restDriver);
for (const via of ['socket', 'stream', 'poll'] as const) {
  transportConformance(`SDK, ${via}`, (url) => sdkDriver(url, via));
}
