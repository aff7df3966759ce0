import type { SlotRequest } from '../../src/store/slots.ts';

/** For a place where there is one host, without a name; `over` says what is different. */
export const turnOf = (client: string, over: Partial<SlotRequest> = {}): SlotRequest => ({
  client,
  hosts: () => [''],
  always: false,
  first: false,
  ...over,
});
