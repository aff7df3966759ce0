/** In rem: less has no room for more than one line beside the words and where one writes. */
const SHORT = 26;

/** Whether little height is in sight, as above a keyboard; a page that is zoomed into counts as it was before. */
export function isShort(): boolean {
  const { fontSize } = getComputedStyle(document.documentElement);
  const { height, scale } = window.visualViewport ?? { height: window.innerHeight, scale: 1 };
  return height * scale < SHORT * Number.parseFloat(fontSize);
}

/** Tells when the height in sight may have changed. Answers how to stop it. */
export function watchHeight(listener: () => void): () => void {
  const view = window.visualViewport ?? window;
  view.addEventListener('resize', listener);
  return () => view.removeEventListener('resize', listener);
}

/**
 * Keeps `--view-height` at the height that is really in sight: on some phones the keyboard covers the page without changing
 * its height. Answers how to stop it.
 */
export function followViewport(): () => void {
  const view = window.visualViewport;
  if (!view) return () => {};
  const { style } = document.documentElement;
  const update = (): void => {
    // somebody who has zoomed in wants the page to stay as it is
    if (view.scale > 1.01) return;
    style.setProperty('--view-height', `${view.height}px`);
    if (window.scrollY !== 0) window.scrollTo(0, 0);
  };
  update();
  view.addEventListener('resize', update);
  return () => {
    view.removeEventListener('resize', update);
    style.removeProperty('--view-height');
  };
}
