/**
 * The page for who watches the server, as a script of its own: the first visit does not pay for it. It brings its own
 * copy of the framework, and draws into a place that the page around gives it.
 */
import { render } from 'preact';
import { MonitorPage, type MonitorProps } from './MonitorPage';

/** Draws the page, or draws it again with other properties. */
export function show(place: Element, properties: MonitorProps): void {
  render(<MonitorPage {...properties} />, place);
}

/** Takes it away. */
export function hide(place: Element): void {
  render(null, place);
}
