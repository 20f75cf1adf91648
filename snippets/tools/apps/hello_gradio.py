"""A first demo: a function and its inputs, made into a page and an API."""

import gradio as gr


def greet(name: str, times: int) -> str:
    """Greet somebody, so many times."""
    if not name.strip():
        raise gr.Error("Type a name.", print_exception=False)
    return " ".join([f"Hello, {name.strip()}!"] * int(times))


demo = gr.Interface(
    greet,
    inputs=[
        gr.Textbox(label="Your name", max_length=40),
        gr.Slider(1, 5, step=1, label="How many times"),
    ],
    outputs=gr.Textbox(label="Greeting"),
    title="Hello",
    flagging_mode="never",
    api_name="greet",
)

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1")
