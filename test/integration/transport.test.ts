import { transportConformance } from '../conformance/transport.ts';
import { restDriver, socketDriver } from '../support/drivers.ts';

transportConformance('Socket.IO', socketDriver);
transportConformance('REST', restDriver);
