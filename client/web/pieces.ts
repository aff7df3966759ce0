/** Long enough that a reply has few of them, short enough that shaping one costs nothing. */
const PIECE_LENGTH = 1_000;

/**
 * A text in pieces that together are it. A piece stays what it is while words are added behind it, so that a browser lays
 * out anew only the last one, however long the text has become. Cut behind spaces, so that no word is torn.
 */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  while (text.length - start > PIECE_LENGTH) {
    const space = text.indexOf(' ', start + PIECE_LENGTH - 1);
    if (space === -1) break;
    pieces.push(text.slice(start, space + 1));
    start = space + 1;
  }
  return [...pieces, text.slice(start)];
}
