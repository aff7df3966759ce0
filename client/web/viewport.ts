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
