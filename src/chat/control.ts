import type { Payload } from '../contract/types.ts';
import type { NodeView } from './overview.ts';

/** What concerns clients and followers wherever they are connected: on this node, and on others where there are any. */
export interface Control {
  /** Shows a notice to everybody who is connected, once. Nodes that cannot be reached now never show it. */
  announce(notice: Payload<'server:notice'>): void;

  /**
   * How many follow the life of a session with this epoch now. A node that does not answer within half a second is left
   * out. Never rejects.
   */
  followers(epoch: string): Promise<number>;

  /** What every node does now, this one first. A node that does not answer within half a second is left out. Never rejects. */
  nodes(): Promise<NodeView[]>;

  /** Disconnects whoever is connected by that credential, on all nodes that can be reached now; the others find out within half a minute. */
  revoke(credential: string): void;
}
