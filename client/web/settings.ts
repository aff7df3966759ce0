/** What a deployment may want different. */
export const settings = {
  /** Where "Leave now" goes: a page that tells nothing about who comes to it. */
  exitUrl: 'https://www.wikipedia.org/',
  /** The title of the page in the moment of leaving. */
  exitTitle: 'Wikipedia',
} as const;
