// The conversation in docs/a-conversation.md is what the built-in guide says, word for word.
import { expect, test } from 'vitest';
import { states } from '../../../src/therapy/process/states.ts';
import { walk } from '../../support/golden-walk.ts';

const lines = [
  "I'm feeling really stressed and overwhelmed",
  'I want to feel calm and peaceful',
  'Yes, that makes sense',
  'I feel it in my chest',
  "It's tight and heavy",
  'Right now',
  'Nothing more from my side',
  "Yes, I'm ready.",
  'More calm',
  'Calmer again, my face feels softer',
  'Very calm now',
  'I noticed I feel so much lighter',
  'Yes, it does feel close to that',
  'Much calmer than when we started',
  'Thank you',
];

const intro = `# A conversation

A whole conversation with the built-in guide, from the first line to the last. No model takes part in it: the guide speaks from its own authored lines, and the same
session hears the same words again. Under each reply stands, in small print, where the process is after it: the fine state, the coarse one, and how many of the eleven criteria are met.

This page is written by a test. Do not edit it by hand.
`;

function page(): string {
  const turns = walk(
    'a-conversation',
    lines.map((says) => ({ says, awayMs: 20_000 })),
  );
  const parts = turns.map(({ reply, progress, status }, at) => {
    const { state_id, current_substate, completion_criteria } = progress;
    const met = Object.values(completion_criteria).filter(Boolean).length;
    const where = [`${state_id} ${states[state_id].name}`, `\`${current_substate}\``, `${met} of 11`, status];
    return `**Person:** ${lines[at]}\n\n**Guide:** ${reply}\n\n<sub>${where.join(' · ')}</sub>\n`;
  });
  return [intro, ...parts].join('\n');
}

test('the conversation in the documentation is the one the guide has', async () => {
  await expect(page()).toMatchFileSnapshot('../../../docs/a-conversation.md');
});
