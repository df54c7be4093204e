import { render } from 'preact';
import { App } from './app';
import { connect } from './server';
import './style.css';
import './run/run.css';

connect();
render(<App />, document.getElementById('app')!);
