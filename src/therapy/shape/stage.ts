/** One step between a model's words and the reply. Takes code point by code point; what it releases depends on nothing else. */
export interface Stage {
  push(c: string): string;
  /** What is still held and may be said, once nothing more comes. */
  end(): string;
  /** Whether nothing more is taken. */
  readonly isOver: boolean;
}
