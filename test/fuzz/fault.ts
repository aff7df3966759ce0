/** A promise that the server did not keep. */
export class Fault extends Error {}
