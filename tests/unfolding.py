"""What is folded on the page, unfolded."""


def open_everything(tab):
    """Unfold what is folded, from the outside in."""
    tab.evaluate("""async () => {
        const folded = () => [...document.querySelectorAll("button.label-wrap:not(.open)")].find((one) =>
            one.checkVisibility());
        for (let one; (one = folded()); await new Promise((done) => setTimeout(done, 50))) one.click();
    }""")
