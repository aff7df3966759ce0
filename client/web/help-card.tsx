import type { ReactNode } from 'react';
import { useEffect, useId, useState, useSyncExternalStore } from 'react';
import type { Help } from '../sdk/api.ts';
import { Filled } from './filled.tsx';
import { siteLink, telLink, textWay } from './help-links.ts';
import { isShort, watchHeight } from './viewport.ts';
import type { Words, WordKey } from './words.ts';
import { useWords } from './words.ts';

type Resource = Help['resources'][number];

/**
 * Places to get help, from people. It can be folded to the first of them but not taken away; places that were not shown
 * before unfold it. Above a keyboard it begins folded: the words and where one writes have to stay in sight.
 */
export function HelpCard({ help }: { help: Help }): ReactNode {
  const { t } = useWords();
  const body = useId();
  const { resources, text } = help;
  const shown = JSON.stringify(resources);
  const hasNoRoom = useSyncExternalStore(watchHeight, isShort, () => false);
  const [chosen, choose] = useState<{ shown: string; isFolded: boolean } | null>(null);
  const isFolded = chosen?.shown === shown ? chosen.isFolded : hasNoRoom;
  const first = resources.find(({ phone }) => phone) ?? resources[0];
  return (
    <aside className="help-card" aria-label={t('parts.help.label')} data-folded={isFolded}>
      <div className="help-head">
        <h2 className="help-title">{t('parts.help.label')}</h2>
        {isFolded && first && <FirstWay place={first} />}
        <button
          type="button"
          className="help-fold"
          aria-expanded={!isFolded}
          aria-controls={body}
          onClick={() => choose({ shown, isFolded: !isFolded })}
        >
          {t(isFolded ? 'parts.help.unfold' : 'parts.help.fold')}
        </button>
      </div>
      <div className="help-body" id={body} hidden={isFolded}>
        <p className="help-intro">{t('parts.help.intro')}</p>
        <ul className="help-places">
          {resources.map((place) => (
            <Place key={JSON.stringify(place)} place={place} />
          ))}
        </ul>
        {/* below the numbers: these have to be in sight first */}
        {text !== null && text !== '' && (
          <p className="help-text" dir="auto">
            {text}
          </p>
        )}
      </div>
      {first && <Announcement key={shown} place={first} />}
    </aside>
  );
}

function Place({ place }: { place: Resource }): ReactNode {
  const words = useWords();
  const { phone, name } = place;
  const text = textWay(place);
  return (
    <li className="help-place">
      <p className="help-name">
        <bdi>{name}</bdi>
      </p>
      <p className="help-when">
        <bdi>{hoursOf(words, place.hours)}</bdi>
        {' · '}
        <bdi>{countryOf(words, place.country)}</bdi>
      </p>
      <p className="help-ways">
        {phone && <Way href={telLink(phone)} text={words.t('parts.help.call')} values={{ phone }} />}
        {text && <TextLink way={text} />}
        {place.url && <Site url={place.url} />}
      </p>
    </li>
  );
}

/** All that a folded card shows. */
function FirstWay({ place }: { place: Resource }): ReactNode {
  const { t } = useWords();
  const text = textWay(place);
  return (
    <span className="help-first">
      <bdi className="help-first-name">{place.name}</bdi>
      {place.phone ? (
        <Way href={telLink(place.phone)} text={t('parts.help.call')} values={{ phone: place.phone }} />
      ) : text ? (
        <TextLink way={text} />
      ) : (
        place.url && <Site url={place.url} />
      )}
    </span>
  );
}

function TextLink({ way }: { way: NonNullable<ReturnType<typeof textWay>> }): ReactNode {
  const { t } = useWords();
  const { number, word, href } = way;
  return word === null ? (
    <Way href={href} text={t('parts.help.text')} values={{ number }} />
  ) : (
    <Way href={href} text={t('parts.help.text_word')} values={{ number, word }} />
  );
}

interface WayProps {
  href: string | null;
  text: string;
  values: Readonly<Record<string, string>>;
}

export function Way({ href, text, values }: WayProps): ReactNode {
  const shown = <Filled text={text} values={values} dir="ltr" />;
  return href === null ? (
    <span className="help-way">{shown}</span>
  ) : (
    <a className="help-way" href={href}>
      {/* one box, so that a space beside a number is not lost */}
      <span>{shown}</span>
    </a>
  );
}

export function Site({ url }: { url: string }): ReactNode {
  const { t } = useWords();
  const link = siteLink(url);
  if (!link) return <bdi className="help-plain">{url}</bdi>;
  return (
    <a className="help-way help-site" href={link.href} target="_blank" rel="noreferrer">
      <bdi dir="ltr">{link.site}</bdi>
      <span className="parts-unseen"> {t('parts.help.new_tab')}</span>
    </a>
  );
}

/** Says once that there is help: a live region speaks what changes in it, so it begins empty. */
function Announcement({ place }: { place: Resource }): ReactNode {
  const { t } = useWords();
  const [isSaid, setSaid] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(true), 100);
    return () => clearTimeout(timer);
  }, []);
  return (
    <span className="parts-unseen" aria-live="polite">
      {isSaid &&
        t('parts.help.shown', { name: place.name, way: place.phone ?? place.sms ?? place.url ?? '' })}
    </span>
  );
}

/** The times as the server's list has them, in the language of the page where it is known. */
const hours: Readonly<Record<string, WordKey>> = {
  '24/7': 'parts.hours.always',
  'daily, see the site': 'parts.hours.daily',
  'see locally': 'parts.hours.local',
  website: 'parts.hours.website',
};

function hoursOf({ t }: Words, text: string): string {
  const key = hours[text];
  return key === undefined ? text : t(key);
}

function countryOf({ t, language }: Words, country: string): string {
  if (country === 'international') return t('parts.help.international');
  if (!/^[A-Z]{2}$/.test(country)) return country;
  return new Intl.DisplayNames([language], { type: 'region' }).of(country) ?? country;
}
