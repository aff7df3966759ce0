import type { ReactNode } from 'react';
import { lengthOf, modelPhases, sessionsOf, shortNode, turnPhases } from './sentences.ts';
import type { LiveSession } from './sentences.ts';
import type { NodeView } from './views.ts';

interface Props {
  nodes: readonly NodeView[];
  /** By the clock of the server. */
  now: number;
}

const sum = (nodes: readonly NodeView[], of: (node: NodeView) => number): number =>
  nodes.reduce((total, node) => total + of(node), 0);

/** What all nodes do, without anybody's name or words. */
export function Now({ nodes, now }: Props): ReactNode {
  const sessions = sessionsOf(nodes);
  return (
    <div className="column">
      <section aria-labelledby="now">
        <h2 id="now">Now</h2>
        <dl className="totals">
          <Total name="Replies being written" value={sum(nodes, ({ running }) => running)} />
          <Total name="In the queue" value={sum(nodes, ({ queued }) => queued)} />
          <Total name="Connections that follow" value={sum(nodes, ({ followers }) => followers)} />
          <Total name="Live sessions" value={sessions.length} />
        </dl>
      </section>
      <section aria-labelledby="sessions">
        <h2 id="sessions">Live sessions</h2>
        <Sessions sessions={sessions} />
        {nodes.some((node) => node.sessions_total > node.sessions.length) && (
          <p className="hint">There are more: of each node 200 are shown.</p>
        )}
      </section>
      <section aria-labelledby="nodes">
        <h2 id="nodes">{nodes.length === 1 ? 'One node' : `${nodes.length} nodes`}</h2>
        <ul className="cards">
          {nodes.map((node) => (
            <NodeCard key={node.node} node={node} now={now} />
          ))}
        </ul>
      </section>
    </div>
  );
}

function Total({ name, value }: { name: string; value: number }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const columns = ['Session', 'Doing', 'For', 'Turn', 'Followers', 'Node'] as const;

/** A table whose roles stay when a narrow screen shows it as blocks. */
function Sessions({ sessions }: { sessions: readonly LiveSession[] }): ReactNode {
  if (sessions.length === 0) return <p className="calm">Nobody is here.</p>;
  return (
    <table role="table" aria-labelledby="sessions">
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((name) => (
            <th key={name} role="columnheader" scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {sessions.map((session) => (
          <SessionRow key={session.name} session={session} />
        ))}
      </tbody>
    </table>
  );
}

function doingOf({ turn }: LiveSession): string {
  if (!turn) return 'no live turn';
  const { phase, position } = turn;
  return phase === 'queued' && position !== null ? `waits, place ${position}` : turnPhases[phase];
}

function SessionRow({ session }: { session: LiveSession }): ReactNode {
  const { name, followers, turn, nodes } = session;
  const cells: readonly [string, ReactNode][] = [
    ['Session', <code key="name">{name}</code>],
    ['Doing', doingOf(session)],
    ['For', turn ? lengthOf(turn.since_ms) : '–'],
    ['Turn', turn ? turn.n : '–'],
    ['Followers', followers],
    ['Node', nodes.join(', ')],
  ];
  return (
    <tr role="row" data-live={turn !== null}>
      {cells.map(([column, value]) => (
        <td key={column} role="cell" data-column={column}>
          {value}
        </td>
      ))}
    </tr>
  );
}

function NodeCard({ node, now }: { node: NodeView; now: number }): ReactNode {
  const { started_at: startedAt, takeovers } = node;
  const rows: readonly [string, ReactNode][] = [
    [
      'Up for',
      <time key="up" dateTime={startedAt}>
        {lengthOf(now - Date.parse(startedAt))}
      </time>,
    ],
    ['Version', node.version],
    ['Model', modelPhases[node.model] ?? node.model],
    ['Slots of the model', node.slots],
    ['In the queue', node.queued],
    ['Running', node.running],
    ['Followers', node.followers],
    ['Taken from nodes that went down', takeovers.released],
    ['Taken from nodes that died', takeovers.expired],
    ['Handed over', node.handovers],
  ];
  return (
    <li className="card">
      <h3>
        <code title={node.node}>{shortNode(node.node)}</code>
        {node.draining && (
          <span className="chip" data-urgency="urgent">
            Going down
          </span>
        )}
      </h3>
      <dl className="pairs">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}
