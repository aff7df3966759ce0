// What becomes of a model's words on their way into the reply: joined behind what is shown, shaped, guarded.
import { ModelError } from '../model/model.ts';
import type { Guard, Trip } from '../safety/guard.ts';
import type { Shaper } from '../therapy/shape.ts';
import type { Joined, Joint } from './joint.ts';

export interface Spoken {
  /** Whether what is shown is taken back, and the reply begins anew with `text`. */
  restarts: boolean;
  text: string;
}

/** Makes the shaper of a run that goes on behind `shown`. */
export type Shape = (shown: string) => Shaper;

/** For a speaker whose words are right as they are. */
export const asTheyCome: Shape = () => ({ push: (text) => text, end: () => '', isOver: false });

interface SpeechParts {
  joint: Joint;
  shape: Shape;
  /** Makes the guard of words that go on behind `shown`. */
  guard: (shown: string) => Guard;
  shown: string;
}

/** One run of a model. */
export class Speech {
  readonly #joint: Joint;
  readonly #shape: Shape;
  readonly #guardOf: SpeechParts['guard'];
  #guard: Guard;
  #shaper: Shaper;
  /** Whether there are no words, neither shown nor from this run. */
  #isEmpty: boolean;

  constructor({ joint, shape, guard, shown }: SpeechParts) {
    this.#joint = joint;
    this.#shape = shape;
    this.#guardOf = guard;
    this.#guard = guard(shown);
    this.#shaper = shape(shown);
    this.#isEmpty = shown.trim() === '';
  }

  /** Whether nothing more is wanted of the model: the reply is whole, or it is not let through. */
  get isOver(): boolean {
    return this.#shaper.isOver || this.#guard.tripped !== undefined;
  }

  /** Why the words were not let through; what is released after that only closes the sentence. */
  get tripped(): Trip | undefined {
    return this.#guard.tripped;
  }

  /** Takes the next piece. @throws ModelError it did not go on behind the given words */
  push(piece: string): Spoken {
    this.#isEmpty &&= piece.trim() === '';
    return this.#take(this.#joint.push(piece));
  }

  /** The rest, once the model has ended. @throws ModelError it said nothing */
  end(): Spoken {
    const rest = this.#take(this.#joint.end());
    if (this.#isEmpty && !this.isOver) throw new ModelError('interrupted', 'the model said nothing');
    const text = rest.text + this.#guard.push(this.#shaper.end()) + this.#guard.end();
    return { ...rest, text };
  }

  #take({ kind, text }: Joined): Spoken {
    const restarts = kind === 'restart';
    if (restarts) {
      if (text === '') throw new ModelError('refused', 'the model does not go on behind given words');
      this.#shaper = this.#shape('');
      this.#guard = this.#guardOf('');
    }
    return { restarts, text: this.#guard.push(this.#shaper.push(text)) };
  }
}
