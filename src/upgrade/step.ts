/** The grammar of both tables of the upgrade protocol. Pure. */

export interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A table that has a cell for each state and each event: a missing one does not compile. */
export type Table<State extends { readonly is: string }, Event extends { readonly event: string }, Effect> = {
  readonly [S in State['is']]: {
    readonly [E in Event['event']]: (
      state: Extract<State, { readonly is: S }>,
      event: Extract<Event, { readonly event: E }>,
      now: number,
    ) => Step<State, Effect>;
  };
};

export function to<State, Effect>(state: State, ...effects: readonly Effect[]): Step<State, Effect> {
  return { state, effects };
}

/** The event means nothing here: late, repeated, or about somebody who is not there. */
export function ignore<State>(state: State): Step<State, never> {
  return { state, effects: [] };
}

export interface Refusal {
  readonly do: 'refuse';
  readonly why: string;
}

/** The event was an order that cannot be followed here; whoever gave it is told why. */
export function refuse(why: string): <State>(state: State) => Step<State, Refusal> {
  return (state) => to(state, { do: 'refuse', why } as const);
}

/** Look the cell up and take the step. */
export function take<State extends { readonly is: string }, Event extends { readonly event: string }, Effect>(
  table: Table<State, Event, Effect>,
  state: State,
  event: Event,
  now: number,
): Step<State, Effect> {
  const row = table[state.is as State['is']];
  const cell = row[event.event as Event['event']] as (state: State, event: Event, now: number) => Step<State, Effect>;
  return cell(state, event, now);
}
