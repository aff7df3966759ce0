// One conversation in a terminal: what comes goes to the transcript, what is typed to the session.
import { commandFor } from './arguments.ts';
import type { Settings } from './arguments.ts';
import { commandOf, runCommand, wordsOf } from './commands.ts';
import type { Desk } from './commands.ts';
import { statusText } from './format.ts';
import { LineQueue } from './line-queue.ts';
import { createClient } from '../sdk/client.ts';
import type { ChatClient, ChatSession, ConnectionState, Reply } from '../sdk/api.ts';
import { ChatError } from '../sdk/errors.ts';
import { openSession } from './open-session.ts';
import type { Screen } from './screen.ts';
import { Transcript } from './transcript.ts';

export interface ChatOptions {
  settings: Settings;
  screen: Screen;
  /** Whether somebody types: then words interrupt a live reply, else they wait for its end. */
  isTyped: boolean;
  /** Where file names begin. */
  directory: string;
}

export class Chat {
  readonly #options: ChatOptions;
  readonly #screen: Screen;
  readonly #client: ChatClient;
  readonly #transcript: Transcript;
  readonly #lines = new LineQueue();
  readonly #end = Promise.withResolvers<number>();
  #session: ChatSession | null = null;
  /** As it is to be shown. */
  #connection: ConnectionState = { phase: 'idle' };
  #wasOnline = false;
  /** Asked for here, and not at their end. */
  readonly #replies = new Set<Reply>();
  #isStopping = false;
  #isDeleting = false;
  #isGone = false;
  /** A reply that was asked for did not come. */
  #isIncomplete = false;
  #isBroken = false;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#screen = options.screen;
    this.#transcript = new Transcript(options.screen);
    const { url, token } = options.settings;
    this.#client = createClient({ url, ...(token === null ? {} : { token }) });
  }

  /** Resolves with the exit code when the person leaves, or when there is nothing more to do. */
  async run(): Promise<number> {
    const { connection, model } = this.#client;
    const stops = [connection.subscribe(() => this.#connected()), model.subscribe(() => this.#status())];
    this.#begin().catch((error: unknown) => this.#fatal(error));
    const code = await this.#end.promise;
    for (const stop of stops) stop();
    this.#farewell();
    this.#client.close();
    return code;
  }

  /** A line of the person. */
  line(text: string): void {
    if (text.trim() === '' && !this.#lines.isAsked) return;
    const asked = commandOf(text);
    const desk =
      this.#session && asked?.command?.isUrgent && !this.#lines.isAsked ? this.#desk(this.#session) : null;
    if (desk && asked) void runCommand(desk, asked);
    else this.#lines.add(text);
  }

  /** Nothing more will be typed. */
  noMoreLines(): void {
    if (this.#options.isTyped) this.#end.resolve(0);
    else this.#lines.end();
  }

  /** Ctrl-C: stops what is live; leaves where nothing is, or where it was pressed before. */
  interrupt(): void {
    const isBusy = this.#session !== null && isLive(this.#session);
    if (!isBusy || this.#isStopping) {
      this.#end.resolve(this.#options.isTyped ? 0 : 130);
      return;
    }
    void this.#stop();
  }

  async #begin(): Promise<void> {
    const { settings } = this.#options;
    const { session, isNew } = await openSession(this.#client, settings);
    this.#session = session;
    session.state.subscribe(() => this.#changed());
    this.#greet(session, isNew);
    this.#changed();
    await this.#readLines(session);
  }

  #greet(session: ChatSession, isNew: boolean): void {
    const { id } = session;
    const state = session.state.get();
    const count = state.info?.turn_count ?? 0;
    const told = isNew ? 'A new conversation' : `Resumed, ${count} ${count === 1 ? 'turn' : 'turns'} so far`;
    this.#screen.note(`${told}: ${id}`);
    this.#screen.lines([`Come back with: ${this.#comeBack()}`], 'dim', true);
    if (this.#options.isTyped) this.#screen.note('/help lists the commands.');
    this.#screen.gap();
    if (!isNew) this.#transcript.resume(state);
  }

  /** Typed lines are done as they come; others one after another. */
  async #readLines(session: ChatSession): Promise<void> {
    for (;;) {
      const line = await this.#lines.next();
      if (line === null) break;
      const done = this.#take(session, line);
      if (!this.#options.isTyped) await done;
    }
    await settled(session);
    this.#changed();
    this.#end.resolve(this.#isIncomplete ? 1 : 0);
  }

  async #take(session: ChatSession, line: string): Promise<void> {
    const asked = commandOf(line);
    if (asked) {
      await runCommand(this.#desk(session), asked);
      if (!this.#options.isTyped) await settled(session);
      return;
    }
    const text = wordsOf(line);
    if (!this.#options.isTyped) await settled(session);
    this.#transcript.said(text);
    await this.#follow(session.say(text, { interrupt: this.#options.isTyped }), text);
  }

  /** Waits for the end of a reply; its words are shown by the transcript. */
  async #follow(reply: Reply, text: string): Promise<void> {
    let isStored = false;
    reply.turnId.then(
      () => (isStored = true),
      () => undefined,
    );
    try {
      this.#replies.add(reply);
      await reply.response;
    } catch (error) {
      if (!isStored) this.#refused(error, text);
      if (!(error instanceof ChatError && error.code === 'TURN_CANCELLED')) this.#isIncomplete = true;
    } finally {
      this.#replies.delete(reply);
    }
    this.#changed();
  }

  #refused(error: unknown, text: string): void {
    this.#changed();
    this.#transcript.unsaid(text);
    const wasTakenBack = error instanceof ChatError && error.code === 'TURN_CANCELLED';
    const reason = error instanceof Error ? error.message : String(error);
    this.#screen.note(
      wasTakenBack ? '(taken back before it was sent)' : `(not sent: ${reason}; /retry sends it again)`,
    );
  }

  async #stop(): Promise<boolean> {
    const session = this.#session;
    if (!session || !isLive(session)) return false;
    this.#isStopping = true;
    this.#status();
    try {
      await Promise.all(Array.from(this.#replies, (reply) => reply.cancel()));
      // one that another device asked for
      if (session.state.get().live) await session.cancel();
    } catch (error) {
      // what has ended needs no stop
      if (!(error instanceof ChatError && error.status === 404))
        this.#screen.note(`Not stopped: ${String(error)}`);
    } finally {
      this.#isStopping = false;
      this.#changed();
    }
    return true;
  }

  async #retry(): Promise<boolean> {
    const session = this.#session;
    if (!session) return false;
    const { pending, turns, live } = session.state.get();
    const refused = pending.filter(({ state }) => state === 'refused');
    for (const { inputId, text } of refused) {
      this.#transcript.expect(text);
      session.resend(inputId);
    }
    if (refused.length > 0) return true;
    const last = turns.at(-1);
    if (live || !last || (last.state !== 'failed' && last.state !== 'cancelled')) return false;
    this.#transcript.expect(last.user_input);
    const followed = this.#follow(session.retry(last.turn_id), last.user_input);
    if (!this.#options.isTyped) await followed;
    return true;
  }

  #desk(session: ChatSession): Desk {
    const { directory } = this.#options;
    return {
      client: this.#client,
      session,
      screen: this.#screen,
      transcript: this.#transcript,
      directory,
      comeBack: () => this.#comeBack(),
      ask: async (question) => {
        this.#screen.lines([question]);
        return await this.#lines.ask();
      },
      stop: () => this.#stop(),
      retry: () => this.#retry(),
      delete: () => this.#delete(session),
      leave: () => this.#end.resolve(this.#isIncomplete && !this.#options.isTyped ? 1 : 0),
    };
  }

  #comeBack(): string {
    return commandFor(this.#session?.id ?? '', this.#options.settings.url);
  }

  #changed(): void {
    const state = this.#session?.state.get();
    if (!state) return;
    this.#transcript.update(state);
    this.#status();
    if (state.phase === 'deleted') this.#gone();
    const { error } = state;
    const isForGood = error instanceof ChatError && !error.retryable && error.code !== 'SESSION_NOT_FOUND';
    if (isForGood) this.#fatal(error);
  }

  #status(): void {
    const now = {
      connection: this.#connection,
      model: this.#client.model.get(),
      session: this.#session?.state.get() ?? null,
      url: this.#options.settings.url,
    };
    this.#screen.status(this.#isStopping ? 'Stopping…' : statusText(now, !this.#screen.isTTY));
  }

  #connected(): void {
    const before = this.#connection;
    const state = this.#client.connection.get();
    if (state.phase === 'closed' && state.error) this.#fatal(state.error);
    // what was wrong is still so while it is tried again
    if (state.phase !== 'connecting' || before.phase === 'idle') this.#connection = this.#named(state);
    if (state.phase === 'online') {
      if (this.#wasOnline && before.phase !== 'online' && !this.#screen.isTTY)
        this.#screen.note('Connected again.');
      this.#wasOnline = true;
    }
    this.#status();
  }

  /** A server that was there was lost, however it cannot be reached now. */
  #named(state: ConnectionState): ConnectionState {
    const isGone = state.phase === 'waiting' && state.reason === 'unreachable' && this.#wasOnline;
    return isGone ? { ...state, reason: 'lost' } : state;
  }

  /** Deleted, here or elsewhere: then what was asked for stays undone. */
  #gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const isLeft = this.#isDeleting || this.#options.isTyped;
    this.#screen.endWords();
    this.#screen.note('The conversation was deleted.');
    this.#end.resolve(isLeft || (this.#lines.isEmpty && this.#replies.size === 0) ? 0 : 1);
  }

  async #delete(session: ChatSession): Promise<void> {
    this.#isDeleting = true;
    try {
      await session.delete();
      this.#gone();
    } finally {
      this.#isDeleting = false;
    }
  }

  #fatal(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const connection = this.#client.connection.get();
    // why the connection is closed tells more than that it is
    const reason = connection.phase === 'closed' && connection.error ? connection.error : error;
    this.#screen.endWords();
    this.#screen.lines([fatalText(reason, this.#options.settings.token !== null)]);
    this.#end.resolve(1);
  }

  #farewell(): void {
    const state = this.#session?.state.get();
    this.#screen.status(null);
    this.#screen.endWords();
    if (!state || !this.#options.isTyped || state.phase === 'deleted') return;
    const unsent = state.pending.length;
    if (unsent > 0)
      this.#screen.note(`${unsent} of your messages ${unsent === 1 ? 'was' : 'were'} not sent.`);
    this.#screen.lines([`Come back with: ${this.#comeBack()}`], 'dim', true);
  }
}

/** Whether words come, or are waited for. */
function isLive(session: ChatSession): boolean {
  const { live, pending } = session.state.get();
  return live !== null || pending.some(({ state }) => state !== 'refused');
}

/** Resolves when no words come and none are waited for. */
async function settled(session: ChatSession): Promise<void> {
  if (!isLive(session)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = session.state.subscribe(() => {
    if (!isLive(session)) resolve();
  });
  await promise;
  stop();
}

function fatalText(error: unknown, hasToken: boolean): string {
  if (error instanceof ChatError && error.code === 'UNAUTHENTICATED')
    return hasToken
      ? 'The token in STILLPOINT_TOKEN does not count here, or not any more.'
      : 'The server lets in only who has a token. Put it into the environment, as STILLPOINT_TOKEN.';
  if (error instanceof ChatError && error.code === 'FORBIDDEN')
    return `That is not allowed with this token: ${error.message}`;
  return error instanceof Error ? `It cannot go on: ${error.message}` : String(error);
}
