/** What a deployment may want different. */
export const settings = {
  /** Where "Leave now" goes: a page that tells nothing about who comes to it. */
  exitUrl: 'https://www.wikipedia.org/',
  /** The title of the page in the moment of leaving. */
  exitTitle: 'Wikipedia',
  /** Where somebody finds help who is not let in, and whose country nobody knows. */
  help: { phone: '112', url: 'https://findahelpline.com' },
} as const;
