import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/talk.css';
import './style/parts.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { FaultScreen } from './fault-screen.tsx';
import { applyTheme, chosenTheme } from './theme.ts';
import { followViewport } from './viewport.ts';

applyTheme(chosenTheme());
followViewport();

const place = document.getElementById('app');
if (!place) throw new Error('index.html has no #app');
createRoot(place).render(
  <FaultScreen>
    <App />
  </FaultScreen>,
);
