import { useEffect, useRef } from 'preact/hooks';
import { language, t } from '../i18n';
import { lazyScript } from '../script';
import { client, explain } from '../server';
import type * as Monitor from './main';

const monitor = lazyScript<typeof Monitor>('./lib/monitor.js', 'MsGalaxyMonitor');

/** The place of the page for who watches the server. That page comes when it is asked for: few ever do. */
export function MonitorView() {
  const place = useRef<HTMLDivElement>(null);
  const page = monitor.value.value;
  const shown = language.value;
  useEffect(monitor.load, []);
  useEffect(() => {
    if (page) page.show(place.current!, { client, explain, language: shown });
  }, [page, shown]);
  useEffect(() => {
    const at = place.current!;
    return () => page?.hide(at);
  }, [page]);
  return (
    <>
      <div ref={place} />
      {!page && <p class="empty">{t(monitor.failed.value ? 'app.monitor.error' : 'app.monitor.loading')}</p>}
    </>
  );
}
