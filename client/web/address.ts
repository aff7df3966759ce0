// The id of a session in the address of the page: behind the `#`, which no server and no log of one ever sees.

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The id in the fragment, else in the query; null where there is none. */
export function idInAddress({ hash, search }: { hash: string; search: string }): string | null {
  const inHash = /^#(?:.*&)?session=([^&]*)/.exec(hash)?.[1];
  const id = inHash === undefined ? new URLSearchParams(search).get('session') : decoded(inHash);
  return id || null;
}

/** Path and fragment of the page for that session; without the query, whatever it was. */
export function addressOf(pathname: string, id: string | null): string {
  return id === null ? pathname : `${pathname}#session=${encodeURIComponent(id.toWellFormed())}`;
}
