// What the steps that change a session say to their scripts, and what those answer.
import { AppError } from '../errors.ts';
import type { DataKey } from './redis-keys.ts';
import type { Reply } from './redis-link.ts';
import type { Seen } from './redis-reads.ts';
import type { AdmitRequest, Admitted, AnswerRequest, TurnEntry } from './store.ts';
import type { Sealer } from './vault.ts';
import { digest } from './envelope.ts';
import {
  askedOf,
  changeFields,
  entryArg,
  makeFields,
  sealAsked,
  sealMemory,
  toSession,
  toTurn,
  toView,
  wordArg,
} from './redis-records.ts';
import { Fields, listOf, textOf } from './redis-reply.ts';

const NOTHING_SEEN = { id: '', seq: '', data: '' };

const freshTurn = {
  gen: 1,
  len: 0,
  state: 'queued',
  phase: 'queued',
  pos: '',
  source: '',
  model: '',
  began: '',
  firstText: '',
  attempts: 0,
  idle: 0,
  call: '',
};

/** The end entry of a live turn that is cut off as it was seen. */
export function cut(seen: Seen | undefined, sealer: Sealer): { id: string; seq: string; data: string } {
  if (!seen?.view) return NOTHING_SEEN;
  const { turn, text } = seen.view;
  const end = { event: 'turn:cancelled', data: { turn_id: turn.turnId, text } } as const;
  const [, data] = entryArg(end, sealer);
  return { id: turn.turnId, seq: seen.seq, data };
}

/** What is admitted, sealed by the key of its session; `place` is that of one that is made. */
export function admission(request: AdmitRequest, place: string | null, key: DataKey): object {
  const { session, basis, turnId, inputId, plan, leaseMs, node, safety, care } = request;
  const { kid, sealer } = key;
  const epoch = basis?.epoch ?? session.epoch;
  const memory = sealMemory(plan.memory, sealer);
  const human = plan.care.awaitsHuman ? '1' : '';
  return {
    owner: digest(session.owner),
    input: inputId === null ? '' : digest(inputId),
    interrupt: request.interrupt,
    epoch: basis?.epoch ?? '',
    version: basis === null ? '' : String(basis.version),
    kid,
    make: makeFields(session, place ?? '', null, key),
    turn: { ...freshTurn, id: turnId, node, epoch, memory, human, ...(kid !== '' && { kid }) },
    asked: sealAsked(request, sealer),
    fields: changeFields({ safety, care }, sealer),
    entries: request.entries.map((entry) => entryArg(entry, sealer)),
    lease: leaseMs,
  };
}

export function readAdmitted(
  request: AdmitRequest,
  reply: Reply,
  sealerOf: (wrapped: string) => Sealer,
): Admitted {
  const [kind, session, turn, interrupted] = listOf(reply);
  if (kind === 'taken') throw taken();
  if (kind === 'busy') throw new AppError('TURN_IN_PROGRESS');
  if (kind === 'used') throw new Error('An epoch is used only once');
  if (kind === 'stale') return { kind: 'stale' };
  const fields = Fields.ofList(session);
  const sealer = sealerOf(fields.text('k'));
  if (kind === 'repeat') {
    const { turn: before } = toView(turn, sealer);
    if (before.userInput !== request.userInput) throw new AppError('IDEMPOTENCY_CONFLICT');
    return { kind: 'duplicate', session: toSession(fields, sealer), turn: before };
  }
  return {
    kind: 'admitted',
    session: toSession(fields, sealer),
    turn: toTurn(askedOf(request), Fields.ofList(turn), sealer),
    interrupted: interrupted === null || interrupted === undefined ? null : textOf(interrupted),
  };
}

/** What a person's words make of the session as it was seen. */
export function answerOf(seen: Seen, { entries, text, end }: AnswerRequest, sealer: Sealer): object {
  const waiting = seen.view?.turn.plan.care.awaitsHuman ? seen.view : undefined;
  const appended = { entries: entries(waiting?.turn ?? null).map((entry) => entryArg(entry, sealer)) };
  if (!waiting) return { ...appended, seen: { seq: seen.seq, id: '' } };
  const { turn, text: shown } = waiting;
  const words: TurnEntry[] = [];
  const ids = { turn_id: turn.turnId, at: 0 };
  if (shown !== '') words.push({ event: 'therapist:reset', data: { ...ids, text: '', cause: 'human' } });
  if (text !== '') words.push({ event: 'therapist:token', data: { ...ids, text } });
  const last = end({ ...turn, length: text.length });
  if (last.event !== 'therapist:done') throw new Error(`${last.event} is not how an answered turn ends`);
  const { source, model } = last.data;
  return {
    ...appended,
    seen: { seq: seen.seq, id: turn.turnId },
    words: words.map((word) => wordArg(word, sealer)),
    last: entryArg(last, sealer)[1],
    source,
    model,
  };
}

export function taken(): AppError {
  return new AppError('SESSION_CONFLICT', {
    message: 'A session with this id exists; choose another id, or leave it out to get one',
  });
}
