/**
 * The pieces that a run of letters is made of, when nothing is left over. `longest`: no piece has more letters. Its time grows with the
 * length of the run times `longest`.
 */
export function apart(
  run: string,
  longest: number,
  isPiece: (piece: string) => boolean,
): string[] | undefined {
  const from: (number | undefined)[] = [0];
  for (let end = 1; end <= run.length; end += 1) {
    for (let start = Math.max(0, end - longest); start < end; start += 1) {
      if (from[start] === undefined || !isPiece(run.slice(start, end))) continue;
      from[end] = start;
      break;
    }
  }
  const pieces: string[] = [];
  for (let end = run.length; end > 0;) {
    const start = from[end];
    if (start === undefined) return undefined;
    pieces.unshift(run.slice(start, end));
    end = start;
  }
  return pieces;
}
