// The package `stillpoint-client`: two modules, without what they depend on.
import { defineConfig } from 'vite';

/** What parts of the SDK call each other, and nobody outside: short names in the package. */
const inner = [
  'abandon|address|admitted|adopt|again|announced|applied|arrived|attach|buffered|changed|closed|deleted|fail|follow',
  'gate|gone|heldMs|helped|isLive|isOver|joined|knownTurnId|leastMs|lost|mayBeStored|named|overdue|prefix|reader|ready',
  'reconnectAfterMs|refused|rename|restored|resync|screen|server|sessionId|settle|show|start|stored|takenBack|tell',
  'transcript|tries|turnEnded|until|whyNot|line|send',
].join('|');

export default defineConfig({
  root: import.meta.dirname,
  build: {
    target: 'es2022',
    rolldownOptions: {
      external: ['socket.io-client', 'react'],
      output: {
        comments: false,
        minify: {
          codegen: { removeWhitespace: true },
          mangle: true,
          compress: true,
          mangleProps: { include: new RegExp(`^(${inner})$`) },
        },
      },
    },
  },
});
