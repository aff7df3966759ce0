import { settings } from './settings.ts';

/** Every tab of this site hears of it: who leaves one has to leave them all. */
const CHANNEL = 'stillpoint:leave';

export function tellOtherTabs(): void {
  const channel = new BroadcastChannel(CHANNEL);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none: it ends at its own origin
  channel.postMessage(null);
  channel.close();
}

/** Tells when a tab is left. Answers how to stop it. */
export function watchLeaving(leave: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener('message', leave);
  return () => channel.close();
}

/** Goes to a neutral page, with no way back to this one; this tab forgets what it knew. */
export function leavePage(): void {
  document.title = settings.exitTitle;
  history.replaceState(null, '', location.pathname);
  forgetTab();
  const go = (): void => location.replace(settings.exitUrl);
  // one more press of Escape would stop the browser on its way
  document.addEventListener('keyup', go);
  go();
}

function forgetTab(): void {
  try {
    sessionStorage.clear();
  } catch {
    // where storage is forbidden there is nothing to forget
  }
}
