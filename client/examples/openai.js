// The official client of OpenAI before this server: what is written with it needs another address and no other line.
// Run: npm install openai && node openai.js [session id] [words]
import OpenAI from 'openai';

const { STILLPOINT_URL: url = 'http://127.0.0.1:8090', STILLPOINT_API_KEY: apiKey = 'none' } = process.env;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey });
const [id, words = 'I want to feel calm'] = process.argv.slice(2);

const { data: stream, response } = await client.chat.completions
  .create({
    model: 'stillpoint',
    messages: [{ role: 'user', content: words }],
    stream: true,
    ...(id && { metadata: { session_id: id } }),
  })
  .withResponse();
console.error(`session ${decodeURIComponent(response.headers.get('x-session-id'))}`);
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? '');
process.stdout.write('\n');
