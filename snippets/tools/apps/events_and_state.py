"""Events, one for each way to start a function; and a list for each visitor."""

import gradio as gr


def add(name: str, names: list[str]) -> tuple[list[str], str]:
    """A longer list, and an empty field. The old list stays as it was."""
    name = name.strip()
    if not name:
        raise gr.Error("A run needs a name.", print_exception=False)
    if name in names:
        gr.Warning(f"There is a run {name} already.")
        return names, ""
    return [*names, name], ""


def show(names: list[str]) -> str:
    """The list as Markdown."""
    return "\n".join(f"{n}. {name}" for n, name in enumerate(names, start=1)) or "none"


def count(name: str) -> str:
    """How many letters there are."""
    return f"{len(name)} of 30 letters"


with gr.Blocks(title="Runs") as demo:
    names = gr.State([])  # a copy for each visitor, kept on the server
    field = gr.Textbox(label="Name of a run", max_length=30)
    letters = gr.Markdown()
    with gr.Row():
        button = gr.Button("Add")
        clear = gr.Button("Clear")
    listed = gr.Markdown()

    demo.load(show, names, listed, api_name=False)  # the page was opened
    field.change(count, field, letters, api_name="count")  # at each letter
    added = gr.on(
        [button.click, field.submit],  # the button, or the Enter key
        add,
        [field, names],
        [names, field],
        api_name="add",
    )
    added.then(show, names, listed, api_name="show")  # when that is done
    clear.click(list, None, names, api_name="clear").then(show, names, listed)

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1")
