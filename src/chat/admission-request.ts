// What an admission writes: the turn and, in the same step, all that its decision means for others.
import { alertBody, localeTag, requiresAck } from '../safety/alert.ts';
import { writeClientCare } from '../safety/care.ts';
import { guardRules } from '../safety/guard-version.ts';
import type { Trip } from '../safety/guard.ts';
import { isRisk } from '../safety/levels.ts';
import { detector } from '../safety/rules.ts';
import type { AuditFact, NewAlert } from '../store/escalation.ts';
import type { AdmitRequest, NewEntry, NewSession, SessionRecord, TurnPlan } from '../store/store.ts';
import type { Words } from './admit.ts';
import { storedCare } from './decide.ts';
import type { Decision } from './decide.ts';
import { sessionUpdated, toTime } from './wire.ts';

export interface Admitting {
  words: Words;
  fresh: NewSession;
  /** Undefined when there is no session yet; `session` is then a newborn one. */
  found: SessionRecord | undefined;
  session: SessionRecord;
  decision: Decision;
  plan: TurnPlan;
  /** Whose care is shared between sessions; null for a caller nobody knows. */
  client: string | null;
  turnId: string;
  /** Empty where nobody is called. */
  alertId: string;
  now: number;
  /** Whether alerts are delivered somewhere. */
  isSent: boolean;
  model: string;
  node: string;
  leaseMs: number;
}

/** The entries of an admission: the input as it was taken, who speaks here, and where help is to be had. */
function firstEntries({ turnId, words, plan, session, decision }: Admitting): NewEntry[] {
  const { preprocessing, navigation } = plan;
  const n = session.lastTurn + 1;
  const started = { turn_id: turnId, n, user_input: words.userInput, preprocessing, navigation };
  const entries: NewEntry[] = [{ event: 'turn:started', data: started }];
  const { disclosure, help, safety } = decision;
  if (disclosure) {
    const { kind, text } = disclosure;
    entries.push({ event: 'disclosure', data: { text, prominence: 'high', kind } });
  }
  if (help) entries.push({ event: 'safety:resources', data: { turn_id: turnId, ...help } });
  if (session.safety.mode !== safety.mode) entries.push(sessionUpdated({ ...session, safety }));
  return entries;
}

function alertsOf({ decision, session, alertId, now, isSent, model }: Admitting): NewAlert[] {
  const { urgency, level, care, safety } = decision;
  if (urgency === null) return [];
  const body = alertBody({
    alertId,
    at: toTime(now),
    ref: care.ref,
    level,
    mode: safety.mode,
    urgency,
    codes: safety.reason_codes,
    locale: session.locale,
    country: session.country,
    language: care.language,
    isMinor: care.isMinor,
    detector,
    guard: guardRules,
    model,
  });
  return [{ alertId, level, urgency, requiresAck: requiresAck(urgency), body, isSent }];
}

/** Every decision that is not the ordinary one, without a word of the session. [US-44] (SAFETY.md 1.8) */
function factsOf({ decision, turnId, plan, session, alertId }: Admitting): AuditFact[] {
  const { care, level, safety, help, disclosure, urgency, act, screening, template } = decision;
  const { ref, language } = care;
  const facts: AuditFact[] = [];
  const isOrdinary = level === 'none' && safety.mode === 'normal' && session.safety.mode === 'normal';
  if (!isOrdinary || help) {
    facts.push({
      kind: 'decided',
      ref,
      level,
      data: {
        turn_id: turnId,
        mode: safety.mode,
        act: act.kind,
        template,
        reason_codes: screening.reasonCodes,
        detector: `${detector.version} ${detector.hash}`,
        locale: localeTag(session.locale),
        language,
        resources: help?.resources.map(({ name }) => name) ?? [],
        model_called: !plan.care.isFixed && !plan.care.awaitsHuman,
        alert_id: urgency === null ? null : alertId,
        urgency,
      },
    });
  }
  if (disclosure) {
    const data = { turn_id: turnId, disclosure: disclosure.kind, minor: care.isMinor };
    facts.push({ kind: 'disclosed', ref, level: 'none', data });
  }
  return facts;
}

/** Words of a model were not let through. */
export function guardedFact(turnId: string, { safety, ref }: TurnPlan['care'], { reason }: Trip): AuditFact {
  const data = { turn_id: turnId, reason, guard: `${guardRules.version} ${guardRules.hash}` };
  return { kind: 'guarded', ref, level: safety.level, data };
}

export function admitRequest(admitting: Admitting): AdmitRequest {
  const { words, fresh, found, decision, plan, client, turnId, node, leaseMs } = admitting;
  return {
    session: fresh,
    basis: found ? { epoch: found.epoch, version: found.version } : null,
    turnId,
    inputId: words.inputId,
    userInput: words.userInput,
    interrupt: words.interrupt || isRisk(decision.level),
    plan,
    safety: decision.safety,
    care: storedCare(decision),
    client: client === null ? null : { client, care: writeClientCare(decision.care) },
    entries: firstEntries(admitting),
    alerts: alertsOf(admitting),
    audit: factsOf(admitting),
    node,
    leaseMs,
  };
}
