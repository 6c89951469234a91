// The real tables of both masters, in a small world, through all that may happen in whatever order: what must not be is not to be found, and would be.
import test from 'ava';
import type { Candidacy, CandidacyEvent } from '#src/upgrade/candidacy.js';
import { candidacy, newCandidacy } from '#src/upgrade/candidacy-table.js';
import type { Incumbency, IncumbencyEvent } from '#src/upgrade/incumbency.js';
import { incumbencyOf } from '#src/upgrade/incumbency-table.js';
import { heavily, rounds } from '../../support/heavy.js';
import { explore, type Found, played } from '../../support/model/search.js';
import type { Tables } from '../../support/model/turns.js';
import { type Budget, type Rules, servingWorld, startingWorld, type World } from '../../support/model/world.js';

const NOTHING: Budget = { upgrades: 0, orders: 0, kills: 0, faults: 0, lies: 0 };
const AUTO: Rules = { manual: false, pidfile: true, drops: false };
const BY_HAND: Rules = { ...AUTO, manual: true };
/** Worlds. */
const LIMIT = rounds(150_000, 3_000_000);

const tablesOf = ({ manual }: Rules): Tables => ({ candidacy, newCandidacy, incumbency: incumbencyOf({ timeout: 60_000, manual }) });

/** One upgrade, up to *commit* or, by hand, to the word that both serve. */
const LOADED = [
  '1: gets USR2',
  '2: says hello',
  '1: hears hello from 2',
  '2: has its listeners',
  '2: has written its pidfile',
  '2: current workers are ready',
  '1: hears ready from 2',
];
const SHOWN = ['2: hears show', '2: current workers accept', '1: hears beside from 2', '1: gets TERM'];

/** A second generation in charge, while the first one drains. */
function withRetiree(budget: Budget, rules: Rules): World {
  const moves = [...LOADED, ...(rules.manual ? SHOWN : []), '2: hears commit', ...(rules.manual ? [] : ['2: current workers accept'])];
  const start = servingWorld({ ...NOTHING, upgrades: 1, orders: 1 }, rules);
  return { ...played(start, rules, tablesOf(rules), [...moves, '2: does "rotate"', '1: hears serving from 2']), budget };
}

interface Model {
  readonly what: string;
  readonly rules: Rules;
  readonly world: World;
}

function modelsOf(name: string, rules: Rules): readonly Model[] {
  const model = (what: string, world: World, other = rules): Model => ({ what: `${name}: ${what}`, rules: other, world });
  const serving = (budget: Partial<Budget>, other = rules) => servingWorld({ ...NOTHING, upgrades: 1, ...budget }, other);
  const bare = { ...rules, pidfile: false };
  const dropping = { ...rules, drops: true };
  const retired = (budget: Partial<Budget>) => withRetiree({ ...NOTHING, ...budget }, rules);
  const more = rounds(0, 1);
  return [
    model('a first start', startingWorld({ ...NOTHING, orders: 2, faults: 1 })),
    model('an order and a kill', serving({ orders: 1 + more, kills: 1 })),
    model('two kills, a fault', serving({ kills: 2, faults: 1 + more })),
    model('an order, a fault', serving({ orders: 1 + more, faults: 1 })),
    model('a lie', serving({ orders: more, lies: 1, kills: 1 })),
    model('an order and a kill, without a pidfile', serving({ orders: 1, kills: 1 }, bare), bare),
    model('a kill while an address is given up', serving({ orders: more, kills: 1 + more }, dropping), dropping),
    model('a kill while the one before drains', retired({ upgrades: 1, kills: 1, orders: more })),
    ...(more === 0 ? [] : [model('two upgrades', serving({ upgrades: 2, orders: 1 })), model('two orders', serving({ orders: 2 }))]),
  ];
}

const shown = (found: readonly Found[]) => found.map(({ wrong, trace }) => [wrong, ...trace].join('\n    '));

// Which cells were looked up, and with what.

const states = new Map<string, Candidacy | Incumbency>();
const reached = new Set<string>();

function recording(tables: Tables): Tables {
  const record = (table: string, state: Candidacy | Incumbency, { event }: { readonly event: string }) => {
    states.set(`${table} ${state.is}`, state);
    reached.add(`${table} ${state.is} ${event}`);
  };
  return {
    ...tables,
    candidacy: (state, event, now) => {
      record('candidate', state, event);
      return tables.candidacy(state, event, now);
    },
    incumbency: (state, event, now) => {
      record('incumbent', state, event);
      return tables.incumbency(state, event, now);
    },
  };
}

for (const { what, rules, world } of [...modelsOf('auto', AUTO), ...modelsOf('by hand', BY_HAND)])
  test.serial(heavily(`nothing goes wrong, whatever the order: ${what}`), (t) => {
    const { found, cut, worlds, ends } = explore(world, rules, recording(tablesOf(rules)), LIMIT);
    t.log(`${worlds} worlds, ${ends} ends`);
    t.deepEqual(shown(found), []);
    t.false(cut, `there are more than ${LIMIT} worlds`);
  });

const EVENTS = [
  ...(['loaded', 'show', 'commit', 'gone', 'exposed', 'rotated', 'upgrade', 'reload', 'drain', 'deadline'] as const),
  ...(['reloaded', 'hello', 'ready', 'beside', 'withdraw', 'serving', 'cleared', 'retireesReleased', 'release', 'emptied'] as const),
  ...(['accepting', 'empty'] as const),
].map((event) => ({ event }));
const TOLD: readonly (CandidacyEvent | IncumbencyEvent)[] = [
  { event: 'loadFailed', status: 4, reason: 'x' },
  { event: 'cancel', reason: 'x' },
  { event: 'failed', reason: 'x' },
  { event: 'exposeFailed', reason: 'x' },
  { event: 'claimed', ours: true },
  { event: 'restored', ours: false },
  { event: 'stop', quick: false },
];

/** Cells that do something, and were not looked up in any world so far. */
function unreached(): string[] {
  const { candidacy: asCandidate, incumbency: asIncumbent } = tablesOf(AUTO);
  return [...states].flatMap(([name, state]) => {
    const step = (name.startsWith('candidate') ? asCandidate : asIncumbent) as (
      state: unknown,
      event: unknown,
      now: number,
    ) => { state: unknown; effects: readonly unknown[] };
    return [...EVENTS, ...TOLD].flatMap((event) => {
      if (reached.has(`${name} ${event.event}`)) return [];
      try {
        const { state: after, effects } = step(state, event, 0);
        return effects.length > 0 || after !== state ? [`${name} ${event.event}`] : [];
      } catch {
        // It is no event of this table.
        return [];
      }
    });
  });
}

/** What these small models do not come to, and why. The bigger ones of the heavy run come to most of it. */
const ELSEWHERE: readonly RegExp[] = [
  // A second USR2 at the same time.
  / upgrade$/,
  / recovering restored$/,
  // What only somebody who is out of his mind says, and there.
  / (show|commit|hello|ready|beside|withdraw|serving|release|failed)$/,
  // An order in an upgrade while the generation before drains, or a second one by hand.
  / (released|releasing) (reload|drain|stop|emptied)$/,
  / withdrawing (reload|drain)$/,
  // Nobody cancels one that has said that it fails but by killing it.
  / failing cancel$/,
  // Whoever is in charge asks the other table.
  /^candidate incumbent drain$/,
];

test.serial(heavily('no other cell is dead'), (t) => {
  t.deepEqual(
    unreached().filter((cell) => !ELSEWHERE.some((pattern) => pattern.test(cell))),
    [],
  );
});

// That nothing is found proves little where nothing would be.

type Cell<State, Step> = (state: State) => Step | undefined;

function broken(cell: string, by: Cell<Incumbency | Candidacy, unknown>, tables: Tables): Tables {
  const instead = <S extends { readonly is: string }, E extends { readonly event: string }, R>(
    step: (state: S, event: E, now: number) => R,
  ) => {
    return (state: S, event: E, now: number): R =>
      `${state.is} ${event.event}` === cell ? ((by(state as never) ?? step(state, event, now)) as R) : step(state, event, now);
  };
  return { ...tables, candidacy: instead(tables.candidacy), incumbency: instead(tables.incumbency) };
}

const goOn = (state: unknown, ...effects: readonly { readonly do: string }[]) => ({ state, effects });

for (const [what, cell, by, budget, wrong] of [
  [
    'a retiree that forgets the order that it passed on',
    'committing serving',
    () => goOn({ is: 'retiring', stop: 'none' }, { do: 'retire' }),
    { orders: 1, kills: 1 },
    'somebody was told to stop, and it goes on',
  ],
  [
    'a candidate in charge before its workers accept',
    'ready commit',
    () => goOn({ is: 'rotating', stop: 'none' }, { do: 'rotate' }),
    {},
    'nobody accepts any more',
  ],
  [
    'a retiree that lets go of its successor before its workers accept',
    'restoring restored',
    () => goOn({ is: 'returning', hup: false }, { do: 'comeBack' }, { do: 'dropSuccessor' }, { do: 'bringBack' }),
    { kills: 1 },
    'nobody accepts any more',
  ],
  ['a HUP that is forgotten', 'preparing reload', (state: unknown) => goOn(state), { orders: 1 }, 'a HUP is forgotten'],
  [
    'a candidate that accepts as soon as it is ready',
    'loading loaded',
    () => goOn({ is: 'ready', deadline: 0 }, { do: 'expose' }, { do: 'sayReady' }),
    {},
    'a candidate accepts before commit',
  ],
] as const satisfies readonly (readonly [string, string, Cell<never, unknown>, Partial<Budget>, string])[]) {
  test(`it finds ${what}`, (t) => {
    const world = servingWorld({ ...NOTHING, upgrades: 1, ...budget }, AUTO);
    const { found } = explore(world, AUTO, broken(cell, by as Cell<unknown, unknown>, tablesOf(AUTO)), LIMIT);
    t.true(
      found.some((each) => each.wrong === wrong),
      shown(found).join('\n'),
    );
  });
}
