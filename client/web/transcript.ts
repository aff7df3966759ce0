import type { SessionExport } from '../sdk/wire.ts';
import type { Words } from './words.ts';

type Turn = SessionExport['turns'][number];
type Entry = SessionExport['log'][number];

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The names of persons by the turns they answered. */
function namesByTurn(log: readonly Entry[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { event, data } of log) {
    if (event === 'human:message') names.set(textOf(data['turn_id']), textOf(data['name']));
  }
  return names;
}

/** What a person said in a turn of nobody. */
function remarksOf(log: readonly Entry[]): { seq: number; text: string }[] {
  return log.flatMap(({ seq, event, data }) => {
    if (event === 'disclosure') return [{ seq, text: textOf(data['text']) }];
    const isRemark = event === 'human:message' && data['turn_id'] === undefined;
    return isRemark ? [{ seq, text: `${textOf(data['name'])}: ${textOf(data['text'])}` }] : [];
  });
}

function turnText(turn: Turn, name: string, { t }: Words): string {
  const lines = [`${t('chat.you')}: ${turn.user_input}`];
  if (turn.text !== '') lines.push(`${name}: ${turn.text}`);
  if (turn.state === 'cancelled') lines.push(`(${t('chat.stopped')})`);
  if (turn.state === 'failed') lines.push(`(${t('chat.brokeOff')})`);
  return lines.join('\n\n');
}

/** What is read of an export. */
interface Exported {
  readonly session: Pick<SessionExport['session'], 'session_id' | 'created_at'>;
  readonly turns: readonly Turn[];
  readonly log: readonly Entry[];
}

/** An export for people to read: who said what, in order. */
export function transcriptOf({ session, turns, log }: Exported, words: Words): string {
  const names = namesByTurn(log);
  const dates = new Intl.DateTimeFormat(words.language, { dateStyle: 'long', timeStyle: 'short' });
  const said = turns.map((turn) => ({
    seq: turn.seq,
    text: turnText(turn, names.get(turn.turn_id) ?? words.t('chat.guide'), words),
  }));
  const parts = [...said, ...remarksOf(log)].sort((a, b) => a.seq - b.seq).map(({ text }) => text);
  const head = words.t('chat.transcriptHead', {
    id: session.session_id,
    date: dates.format(new Date(session.created_at)),
  });
  return `${[head, ...parts].join('\n\n')}\n`;
}
