// What was shown of a session, and what is to be shown next: the states of the SDK become words on the screen, each once.
import { ChatError } from '../sdk/errors.ts';
import type { Help, Remark, SessionState, TurnView } from '../sdk/api.ts';
import { helpBlock, helpReminder, humanText, keyOf } from './format.ts';
import { plain, plainLine } from './plain.ts';
import type { Screen } from './screen.ts';

/** Ended turns that are shown again when a conversation is taken up. */
const SHOWN_AGAIN = 3;

/** The turn whose words are coming. */
interface Open {
  readonly turnId: string;
  printed: string;
}

export class Transcript {
  readonly #screen: Screen;
  #epoch: string | null = null;
  /** Number of the last turn that was shown to its end. */
  #shown = 0;
  #open: Open | null = null;
  readonly #remarks = new Set<number>();
  /** Ids of inputs whose refusal was looked at for help. */
  readonly #refused = new Set<string>();
  #helpKey: string | null = null;
  #lastHelp: Help | null = null;
  #human: string | null = null;
  /** Inputs of this terminal whose turn has not begun: they stand in the transcript already. */
  readonly #said: string[] = [];

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Words that were typed here. */
  said(text: string): void {
    this.expect(text);
    if (!this.#screen.isTTY) return;
    this.#screen.lines(asInput(text), 'cyan');
    this.#screen.gap();
  }

  /** A turn with these words begins soon; they stand in the transcript already. */
  expect(text: string): void {
    this.#said.push(text);
  }

  /** They will have no turn. */
  unsaid(text: string): void {
    const at = this.#said.indexOf(text);
    if (at >= 0) this.#said.splice(at, 1);
  }

  /** Takes up a conversation: the last turns are shown as they are, what comes then as it comes. */
  resume(state: SessionState): void {
    const ended = state.turns;
    this.#epoch = state.info?.epoch ?? null;
    const again = ended.slice(-SHOWN_AGAIN);
    if (ended.length > again.length || state.hasEarlier) this.#screen.note('  … /history shows more');
    for (const turn of again) {
      this.#remarksUpTo(turn.n, state.remarks, again[0]?.n ?? 0);
      this.past(turn, state);
    }
    this.#shown = ended.at(-1)?.n ?? 0;
    for (const { n, seq } of state.remarks) if (n <= this.#shown) this.#remarks.add(seq);
    this.update(state);
  }

  /** A turn that has been: where lines stay, it is no part of the replies. */
  past(turn: TurnView, state: SessionState): void {
    this.#screen.lines(asInput(turn.user_input), 'cyan');
    const name = state.humanTurns.get(turn.turn_id);
    const label = name === undefined ? [] : [nameLine(name)];
    this.#screen.lines([...label, ...plain(turn.text).split('\n'), ...endingOf(turn)]);
    this.#screen.gap();
  }

  /** Shows what is new. */
  update(state: SessionState): void {
    this.#beginEpoch(state);
    const first = state.turns.findLastIndex(({ n }) => n <= this.#shown) + 1;
    for (const turn of state.turns.slice(first)) this.#show(turn, state);
    if (state.live) this.#show(state.live, state);
    this.#help(state.help);
    this.#refusedHelp(state);
    this.#humanChange(state);
    if (this.#open === null) this.#remarksUpTo(Number.POSITIVE_INFINITY, state.remarks);
  }

  /** Shows help, all of it. */
  fullHelp(help: Help): void {
    this.#helpKey = keyOf(help);
    this.#screen.lines(helpBlock(help, this.#screen.room), 'bold');
    this.#screen.gap();
  }

  /** Another session under the same id begins with turn 1 again. */
  #beginEpoch({ info }: SessionState): void {
    const epoch = info?.epoch ?? null;
    if (epoch === null || epoch === this.#epoch) return;
    if (this.#epoch !== null) {
      this.#screen.note('This conversation was deleted and begun anew.');
      this.#shown = 0;
      this.#open = null;
      this.#remarks.clear();
    }
    this.#epoch = epoch;
  }

  #show(turn: TurnView, state: SessionState): void {
    if (this.#open?.turnId !== turn.turn_id) this.#begin(turn, state);
    const open = this.#open;
    if (open === null) return;
    this.#remarksUpTo(turn.n, open.printed === '' ? state.remarks : []);
    if (open.printed === '') this.#help(state.help);
    this.#words(open, turn, state);
    if (turn.state === 'queued' || turn.state === 'running') return;
    this.#screen.endWords();
    const isInterrupted = turn.state === 'cancelled' && this.#said.length > 0;
    if (!isInterrupted) for (const line of endingOf(turn)) this.#screen.note(line);
    this.#screen.gap();
    this.#shown = Math.max(this.#shown, turn.n);
    this.#open = null;
  }

  #begin(turn: TurnView, state: SessionState): void {
    this.#screen.endWords();
    this.#open = { turnId: turn.turn_id, printed: '' };
    const at = this.#said.indexOf(turn.user_input);
    if (at >= 0) {
      this.#said.splice(at, 1);
      return;
    }
    this.#remarksUpTo(turn.n - 1, state.remarks);
    this.#screen.lines(asInput(turn.user_input), 'cyan');
    this.#screen.gap();
  }

  /**
   * Words that were taken back and came again are shown once. Where others came instead, the whole reply is shown anew.
   */
  #words(open: Open, turn: TurnView, state: SessionState): void {
    const text = plain(turn.text);
    const isLive = turn.state === 'queued' || turn.state === 'running';
    if (text === open.printed || (isLive && open.printed.startsWith(text))) return;
    const goesOn = text.startsWith(open.printed);
    if (!goesOn) {
      this.#screen.endWords();
      this.#screen.note('The reply was begun again:');
    }
    const name = state.humanTurns.get(turn.turn_id);
    if (name !== undefined && (open.printed === '' || !goesOn)) this.#screen.lines([nameLine(name)], 'bold');
    this.#screen.words(goesOn ? text.slice(open.printed.length) : text);
    open.printed = text;
  }

  /** Those of turns from `from` to `n` that were not shown. */
  #remarksUpTo(n: number, remarks: readonly Remark[], from = 0): void {
    for (const remark of remarks) {
      if (remark.n > n || remark.n < from || this.#remarks.has(remark.seq)) continue;
      this.#remarks.add(remark.seq);
      if (remark.kind === 'disclosure') this.#screen.disclosure(remark.text);
      else this.#humanWords(remark.name, remark.text);
      this.#screen.gap();
    }
  }

  #humanWords(name: string, text: string): void {
    this.#screen.lines([nameLine(name)], 'bold');
    this.#screen.words(text);
    this.#screen.endWords();
  }

  #help(help: Help | null): void {
    if (help === null || help === this.#lastHelp) return;
    this.#lastHelp = help;
    if (keyOf(help) === this.#helpKey) this.#screen.lines([helpReminder(help)], 'bold');
    else this.fullHelp(help);
  }

  /** What a refusal says of help is shown at once, whatever becomes of the input. */
  #refusedHelp({ pending, help }: SessionState): void {
    for (const { inputId, error } of pending) {
      if (!(error instanceof ChatError) || !error.safety || this.#refused.has(inputId)) continue;
      this.#refused.add(inputId);
      if (keyOf(error.safety) !== this.#helpKey) this.fullHelp(error.safety);
      else if (help === null || keyOf(help) !== this.#helpKey)
        this.#screen.lines([helpReminder(error.safety)], 'bold');
    }
  }

  #humanChange({ info }: SessionState): void {
    if (!info) return;
    const name = info.human?.name ?? null;
    if (name === this.#human) return;
    this.#human = name;
    this.#screen.note(info.human ? humanText(info.human) : 'The guide answers again.');
  }
}

const nameLine = (name: string): string => `${plainLine(name)} (a person):`;

const asInput = (text: string): string[] =>
  plain(text)
    .split('\n')
    .map((line, i) => `${i === 0 ? '› ' : '  '}${line}`);

/** What is to be said behind the words of an ended turn. */
function endingOf(turn: TurnView): string[] {
  if (turn.state === 'cancelled') return ['(stopped; /retry asks again)'];
  if (turn.state !== 'failed') return [];
  const reason = turn.error ? plainLine(turn.error.message) : 'no reason is known';
  return [`(the reply failed: ${reason}; /retry asks again)`];
}
