// Runs before the first paint, so that a dark page does not flash white.
// The page itself takes over from src/theme.ts.
(function () {
  var choice = new URLSearchParams(location.search).get('theme');
  if (choice !== 'light' && choice !== 'dark' && choice !== 'system') {
    try {
      choice = localStorage.getItem('msgalaxy.theme');
    } catch (error) {
      choice = null;
    }
  }
  var dark = choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
