// What the wire says, in words and lines for a terminal. Everything here is pure.
import type { Activity, ConnectionState, Help, ModelStatus, SessionInfo, SessionState } from '../sdk/api.ts';
import type { Resource, SafetyMode, Substate } from '../sdk/wire.ts';
import { plain, plainLine, wrapped } from './plain.ts';

const FRAME_COLUMNS = 72;
const BAR_COLUMNS = 20;

function linesOf(resource: Resource): string[] {
  const { name, phone, sms, url, hours, country, language } = resource;
  const ways = [phone && `call ${phone}`, sms && `text ${sms}`, url].filter(
    (way) => way !== undefined && way !== '',
  );
  return [
    name,
    ...ways.map((way) => `  ${way}`),
    `  ${[hours, country, language].filter(Boolean).join(', ')}`,
  ];
}

/** A frame around places to get help. Numbers and addresses are never broken. */
export function helpBlock(help: Help, columns: number): string[] {
  const inner = Math.min(columns, FRAME_COLUMNS) - 2;
  const words = help.text === null ? [] : [...wrapped(plain(help.text), inner), ''];
  const places = help.resources.flatMap((resource, i) => [
    ...(i === 0 ? [] : ['']),
    ...linesOf(resource).flatMap((line) => wrapped(plainLine(line), inner)),
  ]);
  const title = '┌─ Help from people, now ';
  return [
    title + '─'.repeat(Math.max(0, inner + 2 - title.length)),
    ...[...words, ...places].map((line) => `│ ${line}`.trimEnd()),
    `└─ /resources shows this again`,
  ];
}

/** What tells two helps apart for a reader. */
export const keyOf = (help: Help): string => JSON.stringify([help.text, help.resources]);

/** One line with the first numbers, for help that was shown before. */
export function helpReminder(help: Help): string {
  const reached = help.resources.filter(({ phone, sms }) => phone ?? sms).slice(0, 2);
  const ways = reached.map(({ name, phone, sms }) => {
    const numbers = [phone && `call ${phone}`, sms && `text ${sms}`].filter(Boolean);
    return `${name}: ${numbers.join(', ')}`;
  });
  return plainLine([...ways, 'all of it: /resources'].join(' · '));
}

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);

/** How much of the model is here, from 0 to 1; null: not told. */
function shareOf(model: ModelStatus): number | null {
  const { completed, total } = model;
  return total === undefined || total <= 0 ? null : Math.min(1, Math.max(0, (completed ?? 0) / total));
}

/** `isCoarse`: a new text only at every tenth. */
export function pullText(model: ModelStatus, isCoarse = false): string {
  const share = shareOf(model);
  const name = plainLine(model.name);
  if (share === null) return `Fetching ${name}…`;
  if (isCoarse) return `Fetching ${name}: ${Math.floor(share * 10) * 10} %`;
  const full = Math.round(share * BAR_COLUMNS);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_COLUMNS - full);
  const sizes =
    (model.total ?? 0) < 1e8
      ? ''
      : `, ${gigabytes(model.completed ?? 0)} of ${gigabytes(model.total ?? 0)} GB`;
  return `Fetching ${name} ${bar} ${Math.floor(share * 100)} %${sizes}`;
}

/** Where nothing answers. */
const waitingText = (reason: 'lost' | 'unreachable' | 'draining', url: string): string =>
  ({
    draining: 'The server restarts. It goes on in a moment…',
    lost: 'The connection was lost. Trying again…',
    unreachable: `No server answers at ${url}. Trying again…`,
  })[reason];

function connectionText(connection: ConnectionState, url: string): string | null {
  if (connection.phase === 'waiting') return waitingText(connection.reason, url);
  if (connection.phase === 'connecting') return 'Connecting…';
  return connection.phase === 'offline' ? 'There is no network. It goes on when there is one.' : null;
}

const activities: Record<Activity['phase'], string | null> = {
  queued: 'Waiting for the guide…',
  loading: 'The guide is getting ready…',
  prompt: 'The guide is reading your words…',
  streaming: null,
  recovering: 'The reply was cut off and is being continued…',
};

function activityText({ phase, position }: Activity): string | null {
  if (phase !== 'queued' || position === null) return activities[phase];
  return position === 1
    ? 'Waiting for the guide: you are next.'
    : `Waiting for the guide: place ${position} in line.`;
}

function pendingText(state: SessionState): string | null {
  const stuck = state.pending.find(({ state, error }) => state !== 'refused' && error !== null);
  return stuck?.error ? `Not sent yet, trying again: ${plainLine(stuck.error.message)}` : null;
}

export interface Situation {
  connection: ConnectionState;
  model: ModelStatus | null;
  session: SessionState | null;
  url: string;
}

/**
 * The one line that says why no words come; null: there is nothing to say. `isCoarse` leaves out what is of a moment, for
 * where lines stay.
 */
export function statusText(now: Situation, isCoarse = false): string | null {
  const { connection, session, url } = now;
  const isMoment = isCoarse && connection.phase === 'connecting';
  const trouble = isMoment ? null : connectionText(connection, url);
  return trouble ?? waitText(now, isCoarse) ?? (session && pendingText(session));
}

/** What the reply waits for. */
function waitText({ model, session }: Situation, isCoarse: boolean): string | null {
  const pull = model?.phase === 'pulling' ? pullText(model, isCoarse) : null;
  const activity = session?.activity;
  if (!activity || (isCoarse && isOfMoment(activity))) return pull;
  const doing = activityText(activity);
  // a model that is fetched tells more than that it gets ready
  return activity.phase === 'loading' ? (pull ?? doing) : (doing ?? pull);
}

const isOfMoment = ({ phase, position }: Activity): boolean =>
  phase === 'prompt' || (phase === 'queued' && position === null);

/** In the order of the process. */
const stages: Record<Substate, string> = {
  '1.1_goal_and_vision': 'finding out what you want',
  '1.1.5_psycho_education': 'how it works',
  '1.2_problem_and_body': 'what troubles you, and where you feel it',
  '3.1_assess_readiness': 'whether you are ready',
  '3.1.5_alpha_permission': 'whether you want to try an exercise',
  '3.2_alpha_sequence': 'the calming exercise',
  stage_1_complete: 'the first part is done',
};

const modes: Record<SafetyMode, string | null> = {
  normal: null,
  support: 'your safety comes first for a while',
  crisis: 'your safety comes first; the guided process rests',
  crisis_hold: 'your safety comes first; the guided process rests until you say that it may go on',
  emergency: 'this is an emergency: please get help from people now',
};

const alphaSteps = {
  LOWER_JAW: 'letting the jaw drop',
  RELAX_TONGUE: 'relaxing the tongue',
  BREATHE_SLOWER: 'breathing slower',
};

const clock = (at: string): string =>
  new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** Who answers instead of the guide. */
export const humanText = (human: { name: string; until: string }): string =>
  `${plainLine(human.name)}, a person, answers here until ${clock(human.until)}.`;

/** Where the session stands, in words. */
export function sessionText(session: SessionInfo): string[] {
  const names = Object.keys(stages);
  const step = Math.max(0, names.indexOf(session.current_substate)) + 1;
  const bar = '●'.repeat(step) + '○'.repeat(names.length - step);
  const criteria = Object.values(session.completion_criteria);
  const mode = modes[session.safety.mode];
  return [
    `Progress   ${bar} ${step} of ${names.length}: ${stages[session.current_substate] ?? plainLine(session.current_substate)}`,
    `Reached    ${criteria.filter(Boolean).length} of ${criteria.length} aims`,
    session.alpha ? `Exercise   ${alphaSteps[session.alpha.step] ?? ''}, try ${session.alpha.attempt}` : null,
    `Turns      ${session.turn_count}`,
    mode && `Safety     ${mode}`,
    session.human && `Person     ${humanText(session.human)}`,
    session.handoff_recommended ? 'A talk with a person may help you more than this one.' : null,
    session.status === 'completed' ? 'This conversation is complete.' : null,
  ].filter((line) => line !== null);
}
