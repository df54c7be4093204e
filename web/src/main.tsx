import { render } from 'preact';
import { App } from './app';
import { loadLibrary } from './run/library';
import { connect } from './server';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import './run/run.css';

connect();
render(<App />, document.getElementById('app')!);
// The first run will need the charts; by then they are here. Safari has no idle callbacks.
(globalThis.requestIdleCallback ?? setTimeout)(loadLibrary);
