// The scripts of a session.
import { loadScript } from './redis-link.ts';

const step = (name: string) => loadScript(name, 'time', 'people', 'session');

export const steps = {
  create: step('create'),
  admit: step('admit'),
  start: step('start'),
  mark: step('mark'),
  append: step('append'),
  finish: step('finish'),
  cancel: step('cancel'),
  lease: step('lease'),
  take: step('take'),
  fence: step('fence'),
  note: step('note'),
  answer: step('answer'),
  remove: step('remove'),
  read: step('read'),
  look: step('look'),
  compact: step('compact'),
  renewEpoch: step('renew_epoch'),
  grants: step('grants'),
  rewrap: step('rewrap'),
  stage: step('stage'),
  reseal: step('reseal'),
} as const;
