// How every block of code in the docs is run. A block for which nothing is said here is run by the rule of its language.
import { z } from 'zod';
import { WebhookBody } from '../../src/contract/webhooks.ts';
import { parseWebhooks } from '../../src/ops/outbox-file.ts';
import { Exemplar } from '../../src/retrieval/exemplars.ts';
import type { Block } from './docs-pages.ts';

export interface Rule {
  /** In the code of the blocks it is for. */
  has: string;
  /** The test that runs such a block; here it is only looked at. */
  by?: string;
  /** Why it cannot be run here; it is only looked at. */
  why?: string;
  /** Typed into the shell before. */
  before?: string;
  /** In the same language, behind it. */
  after?: string;
  /** In what it writes. */
  prints?: RegExp;
  /** What a block of JSON or YAML holds. */
  schema?: z.ZodType;
}

interface PageRules {
  /** The test that runs all blocks of the page, and fails at one that it does not know. */
  by?: string;
  /** Settings of the server it talks to. Pages with the same ones share a server. */
  env?: Record<string, string>;
  /** What the settings in its files come on top of. */
  settings?: Record<string, string>;
  /** Typed into the shell before its first block: what the page takes for granted. */
  before?: string;
  rules?: Rule[];
}

const OPERATOR_KEY = 'a-key-of-the-operator-for-the-docs';

/** The server and the shell of a page that says nothing else. */
export const usual: Record<string, string> = { OPERATOR_KEY };

const sign = `
const t = Math.floor(Date.now() / 1000);
const v1 = (at) => createHmac('sha256', 'secret').update(at + '.{}').digest('hex');
const headers = ['t=' + t + ',v1=' + v1(t), 't=' + t + ',v1=' + v1(t - 1), 't=1,v1=' + v1(1), undefined];
console.log(headers.map((header) => isGenuine(header, '{}', 'secret')).join());`;

const signInPython = `
t = int(time.time())
v1 = lambda at: hmac.new(b"secret", f"{at}.{{}}".encode(), hashlib.sha256).hexdigest()
headers = [f"t={t},v1={v1(t)}", f"t={t},v1={v1(t - 1)}", f"t=1,v1={v1(1)}", None]
print(*[is_genuine(header, b"{}", "secret") for header in headers], sep=",")`;

const genuine: Rule[] = [
  { has: 'export function isGenuine', after: sign, prints: /^true,false,false,false$/m },
  { has: 'def is_genuine', after: signInPython, prints: /^True,False,False,False$/m },
];

/** As `protocol.md`, section 8, names them. */
const alert = z.strictObject({
  type: z.literal('safety.alert'),
  id: z.uuid(),
  time: z.iso.datetime(),
  session_ref: z.string(),
  level: z.string(),
  mode: z.string(),
  urgency: z.enum(['notice', 'urgent', 'immediate']),
  requires_ack: z.boolean(),
  reason_codes: z.array(z.string()),
  locale: z.string(),
  country: z.string(),
  language: z.string(),
  minor: z.boolean(),
  detector: z.object({ version: z.string(), hash: z.string() }),
  guard: z.object({ version: z.string(), hash: z.string() }),
  model: z.string(),
});

export const register: Record<string, PageRules> = {
  'README.md': {
    rules: [
      {
        has: 'npm ci',
        why: 'it installs and starts: npm run quickstart does, in a fresh clone; CI and npm-start.test.ts',
      },
      { has: 'npm test', why: 'it is what runs this' },
      { has: 'stillpoint-client', prints: /calm/ },
      { has: 'socket.io-client', prints: /calm/ },
    ],
  },
  'docs/contributing.md': { rules: [{ has: 'npm ci', why: 'it is what runs this' }] },
  'docs/deployment.md': { settings: { AUTH_MODE: 'key' } },
  'docs/client.md': { by: 'test/e2e/client-doc.test.ts' },
  'docs/security.md': { by: 'test/e2e/security-doc.test.ts' },
  'docs/retrieval.md': {
    rules: [
      { has: 'npm run rag', by: 'test/e2e/rag-tool.test.ts' },
      {
        has: '"exemplars"',
        schema: z.strictObject({ version: z.string(), exemplars: z.array(Exemplar).min(1) }),
      },
    ],
  },
  'docs/safety.md': {
    before: `curl -X POST http://localhost:8090/api/v1/session/safety_page/input -d '{"user_input": "I keep thinking about ending my life"}'`,
    rules: [
      { has: 'npm run eval:safety', by: 'test/unit/safety/gates.test.ts' },
      { has: '"safety.alert"', schema: alert },
      ...genuine,
      { has: 'audit:verify', prints: /the chain holds/ },
    ],
  },
  'docs/webhooks.md': {
    rules: [
      ...genuine,
      {
        has: '"secret"',
        schema: z.array(z.unknown()).transform((file) => parseWebhooks(JSON.stringify(file))),
      },
      { has: '"turn.done",', schema: WebhookBody },
    ],
  },
};

export const rulesOf = ({ page }: Pick<Block, 'page'>): PageRules => register[page] ?? {};

export const ruleOf = (block: Block): Rule | undefined =>
  rulesOf(block).rules?.find(({ has }) => block.code.includes(has));
