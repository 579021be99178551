if (served.panic) {
  problems.panics = [JSON.parse(served.panic)];
  show();
}
follow();
