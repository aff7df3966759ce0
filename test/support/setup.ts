/** Says at once what is wrong when the tests are started with another Node than the one `npm ci` brings. */
export function setup(): void {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24)
    throw new Error(`Node 24 or newer is needed, this is ${process.version}: run the tests by "npm test"`);
}
