import type { Client, ServerConnection } from '@msgalaxy/client';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { lagging, type Rates, type Reading, rates } from './reading';
import { type Language, type Word, type Writer, writer } from './texts';

/** Milliseconds between two readings. */
const READ_MS = 2000;
/** Connections that are shown; the server puts those furthest behind first. */
const SHOWN = 100;

/** What the page around gives. */
export interface MonitorProps {
  client: Pick<Client, 'listConnections' | 'listWorkers' | 'endConnection'>;
  explain(error: unknown): string;
  language: Language;
}

/** Who is connected, how much goes out, what waits, who works. */
export function MonitorPage({ client, explain, language }: MonitorProps) {
  const write = useMemo(() => writer(language), [language]);
  const [reading, setReading] = useState<Reading | null>(null);
  const [rate, setRate] = useState<Rates | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [told, setTold] = useState<number | null>(null);
  const before = useRef<Reading | null>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const read = async (): Promise<void> => {
      if (document.visibilityState === 'visible') {
        try {
          const [connections, workers] = await Promise.all([client.listConnections({ limit: SHOWN }), client.listWorkers()]);
          if (over) return;
          setRate(rates(before.current?.connections ?? null, connections));
          before.current = { connections, workers };
          setReading(before.current);
          setFailure(null);
        } catch (error) {
          if (over) return;
          setFailure(error);
        }
      }
      timer = setTimeout(read, READ_MS);
    };
    void read();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [client]);

  const end = async (id: number): Promise<void> => {
    try {
      await client.endConnection(id);
      setTold(id);
    } catch (error) {
      setFailure(error);
    }
  };

  return (
    <div class="monitor" data-testid="monitor">
      <h1>{write.text('title')}</h1>
      {failure !== null && (
        <p class="strip" role="alert" data-testid="monitor-failure">
          {reading && `${write.text('stale', { time: write.clock(reading.connections.timestamp) })} `}
          {explain(failure)}
        </p>
      )}
      <p class="muted" role="status" data-testid="monitor-told">
        {told === null ? '' : write.text('ended', { id: told })}
      </p>
      {reading === null && failure === null && <p class="empty">{write.text('loading')}</p>}
      {reading !== null && (
        <>
          <Tiles write={write} reading={reading} rate={rate} />
          <Connections write={write} reading={reading} end={end} />
          <Tasks write={write} reading={reading} />
          <Workers write={write} reading={reading} />
        </>
      )}
    </div>
  );
}

interface Part {
  write: Writer;
  reading: Reading;
}

function Tiles({ write, reading, rate }: Part & { rate: Rates | null }) {
  const { connections, workers } = reading;
  const behind = lagging(connections);
  const slots = workers.workers.find((worker) => worker.here)?.slots ?? 0;
  const perSecond = (value: number | undefined): string =>
    value === undefined ? '–' : write.number(value, value > 0 && value < 10 ? 1 : 0) + write.text('perSecond');
  return (
    <section class="kpis" aria-label={write.text('title')}>
      <Tile name={write.text('connections')} value={write.number(connections.total)} id="connections" />
      <Tile
        name={write.text('delivered')}
        value={perSecond(rate?.delivered)}
        note={rate && rate.replayed > 0 ? write.text('replayed', { n: write.number(rate.replayed) }) : ''}
        id="delivered"
      />
      <Tile name={write.text('appended')} value={perSecond(rate?.appended)} id="appended" />
      <Tile
        name={write.text('lagging')}
        value={`${behind.more ? '≥' : ''}${write.number(behind.count)}`}
        note={behind.count > 0 ? write.text('lag', { n: write.number(connections.connections[0]!.lag_events) }) : ''}
        id="lagging"
      />
      <Tile
        name={write.text('pending')}
        value={write.number(workers.tasks.pending ?? 0)}
        note={workers.queue_age_s > 0 ? write.text('queueAge', { time: write.duration(workers.queue_age_s) }) : ''}
        id="pending"
      />
      <Tile
        name={write.text('running')}
        value={write.number(workers.tasks.running ?? 0)}
        note={write.text('slots', { n: slots })}
        id="running"
      />
    </section>
  );
}

function Tile({ name, value, note, id }: { name: string; value: string; note?: string; id: string }) {
  return (
    <div class="kpi" data-tile={id}>
      <h2>{name}</h2>
      <p class="kpi-value num">{value}</p>
      {note && <p class="kpi-note">{note}</p>}
    </div>
  );
}

function Connections({ write, reading: { connections: list }, end }: Part & { end(id: number): Promise<void> }) {
  const [asked, setAsked] = useState<number | null>(null);
  const { connections, total } = list;
  const columns: Word[] = ['id', 'principal', 'address', 'transport', 'open', 'subscriptions', 'behind', 'queued'];
  return (
    <section class="card" aria-labelledby="monitor-connections">
      <div class="card-head">
        <h2 id="monitor-connections">{write.text('connections')}</h2>
        {total > 0 && <span class="muted">{write.text('shown', { n: connections.length, total })}</span>}
      </div>
      {total === 0 ? (
        <p class="empty">{write.text('none')}</p>
      ) : (
        <table class="monitor-table">
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {write.text(column)}
                </th>
              ))}
              <th scope="col">
                <span class="hidden">{write.text('end')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {connections.map((connection) => (
              <tr key={connection.id} data-connection={connection.id}>
                {columns.map((column) => (
                  <td key={column} data-label={write.text(column)} class={column === 'behind' && connection.lag_events > 0 ? 'num behind' : 'num'}>
                    {cell(column, connection, write, list.timestamp)}
                  </td>
                ))}
                <td>
                  {connection.ending ? (
                    <span class="muted">{write.text('ending')}</span>
                  ) : (
                    <button
                      type="button"
                      class={asked === connection.id ? 'danger' : 'quiet'}
                      aria-label={write.text(asked === connection.id ? 'reallyOf' : 'endOf', { id: connection.id })}
                      onClick={() => {
                        if (asked !== connection.id) return setAsked(connection.id);
                        setAsked(null);
                        void end(connection.id);
                      }}
                      onBlur={() => setAsked(null)}
                    >
                      {write.text(asked === connection.id ? 'really' : 'end')}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function cell(column: Word, connection: ServerConnection, write: Writer, now: string): string {
  switch (column) {
    case 'id':
      return String(connection.id);
    case 'principal':
      return connection.principal ?? write.text('unjoined');
    case 'address':
      return connection.address ?? '–';
    case 'transport':
      return connection.transport;
    case 'open':
      return write.duration(secondsBetween(connection.since, now));
    case 'subscriptions': {
      const all = connection.follows_every_task ? write.text('all') : '';
      const tasks = connection.subscriptions > 0 || all === '' ? write.number(connection.subscriptions) : '';
      return [all, tasks].filter((part) => part !== '').join(' + ');
    }
    case 'behind':
      return write.number(connection.lag_events);
    default:
      return connection.queued_bytes === null ? '–' : write.bytes(connection.queued_bytes);
  }
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

const STATUSES = ['pending', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;

function Tasks({ write, reading: { workers } }: Part) {
  return (
    <section class="card" aria-labelledby="monitor-tasks">
      <h2 id="monitor-tasks">{write.text('tasks')}</h2>
      <dl class="monitor-counts">
        {STATUSES.map((status) => (
          <div key={status} data-status-count={status}>
            <dt class="muted small">{write.text(`${status}Word`)}</dt>
            <dd class="num">{write.number(workers.tasks[status] ?? 0)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Workers({ write, reading: { workers } }: Part) {
  return (
    <section class="card" aria-labelledby="monitor-workers">
      <h2 id="monitor-workers">{write.text('workers')}</h2>
      <table class="monitor-table">
        <thead>
          <tr>
            {(['worker', 'task', 'runs', 'leaseAge', 'attempts'] as const).map((column) => (
              <th key={column} scope="col">
                {write.text(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {workers.workers.flatMap(({ worker, here, tasks }) => {
            const name = worker === null ? write.text('orphan') : here ? `${short(worker)} (${write.text('here')})` : short(worker);
            if (tasks.length === 0) {
              return (
                <tr key={worker}>
                  <th scope="row">{name}</th>
                  <td colSpan={4} class="muted">
                    {write.text('idle')}
                  </td>
                </tr>
              );
            }
            return tasks.map((task) => (
              <tr key={task.task_id}>
                <th scope="row">{name}</th>
                <td data-label={write.text('task')}>
                  <a href={`#/tasks/${task.task_id}`}>{task.task_id}</a>
                </td>
                <td data-label={write.text('runs')} class="num">
                  {task.started_at === null ? '–' : write.duration(secondsBetween(task.started_at, workers.timestamp))}
                </td>
                <td data-label={write.text('leaseAge')} class="num">
                  {task.lease_age_s === null ? '–' : write.text('ago', { time: write.duration(task.lease_age_s) })}
                </td>
                <td data-label={write.text('attempts')} class="num">
                  {write.number(task.attempts)}
                </td>
              </tr>
            ));
          })}
        </tbody>
      </table>
    </section>
  );
}

/** `process 12 0197f000-…` is told apart by its first two words for people. */
function short(worker: string): string {
  return worker.split(' ').slice(0, 2).join(' ');
}
